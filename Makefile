# Each target sets up .venv by itself when it is missing; `python -m kit TARGET` does the same without make.
PYTHON ?= python3

.PHONY: course lab test bench lint
course lab test bench lint:
	@$(PYTHON) -m kit $@
