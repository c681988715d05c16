"""`python -m janelm` is `janelm`."""

import sys

from .cli import main

sys.exit(main())
