#!/usr/bin/env python
"""The portal's command line: `manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import portal.settings  # noqa: F401  (Django would bury what is wrong here under "unknown command")
    except ImproperlyConfigured as error:
        sys.exit(f"The settings are wrong: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
