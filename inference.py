"""Write text with a trained model: python inference.py --help"""

import sys

from janelm.cli import main

if __name__ == "__main__":
    sys.exit(main(["write", *sys.argv[1:]], program="inference.py"))
