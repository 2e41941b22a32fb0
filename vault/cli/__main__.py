"""`python -m vault.cli` is `evault`."""

import sys

from vault.cli import main

sys.exit(main())
