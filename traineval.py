"""Train a language model on your text and measure it: python traineval.py --help"""

import sys

from janelm.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]], program="traineval.py"))
