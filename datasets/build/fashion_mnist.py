"""Write datasets/fashion_mnist: 1,200 training and 200 test pictures of each of the ten classes.

    apt-get download dataset-fashion-mnist    (Debian, version 0.0~git20200523.55506a9-1)
    python datasets/build/fashion_mnist.py dataset-fashion-mnist_*_all.deb

The first of each class are taken, in the order of the published files, training before test.
Needs `dpkg-deb`.
"""

import gzip
import io
import lzma
import subprocess
import tarfile

import numpy as np
from source import archive, write

PER_CLASS = {"train": 1200, "t10k": 200}


def idx(raw: bytes) -> np.ndarray:
    """An array in the idx format: its shape as big-endian numbers, then its bytes."""
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def main() -> None:
    """Read the package, choose, compress."""
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", archive("fashion_mnist")], check=True, capture_output=True
    )
    images, labels = [], []
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as box:
        for part, count in PER_CLASS.items():
            base = f"./usr/share/datasets/fashion-mnist/{part}"
            x = idx(gzip.decompress(box.extractfile(f"{base}-images-idx3-ubyte.gz").read()))
            y = idx(gzip.decompress(box.extractfile(f"{base}-labels-idx1-ubyte.gz").read()))
            kept = np.sort(np.concatenate([np.flatnonzero(y == c)[:count] for c in range(10)]))
            images.append(x[kept])
            labels.append(y[kept])
    out = io.BytesIO()
    np.savez(out, images=np.concatenate(images), labels=np.concatenate(labels))
    write("fashion_mnist", "fashion_mnist.npz.xz", lzma.compress(out.getvalue(), preset=9))


if __name__ == "__main__":
    main()
