"""The WSGI application that granian serves."""

import gc
import os
import signal
from multiprocessing import parent_process

from django.core.wsgi import get_wsgi_application

if parent_process():
    # Ctrl-C reaches granian's workers too, which it ends by SIGTERM: one that gets both signals hangs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# What is loaded now stays for the life of the process: a full collection that walks it stops every request.
gc.collect()
gc.freeze()
