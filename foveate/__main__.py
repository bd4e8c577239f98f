"""`python -m foveate`: the same as the console script; `torchrun -m foveate train ...` trains on several processes."""

import sys

from foveate.cli.main import main

sys.exit(main())
