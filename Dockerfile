FROM python:3.13-slim

# The one folder that is written to: secret key, keys, static files. A volume keeps it.
ENV PORTAL_DATA_DIR=/data \
    PATH=/portal/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never

RUN pip install --no-cache-dir uv

# Packages change less often than code: a layer of their own. pyproject.toml pins each of them.
WORKDIR /portal
COPY pyproject.toml ./
RUN uv sync --no-dev

COPY manage.py ./
COPY portal portal/
COPY products products/
COPY associations associations/
COPY licensing licensing/
COPY desk desk/
COPY static static/
COPY templates templates/
COPY docs/support.md docs/
COPY docs/pictures docs/pictures/

RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin portal \
    && install --directory --owner=portal --mode=0700 /data
USER portal
VOLUME /data
EXPOSE 8000

ENV GRANIAN_HOST=0.0.0.0 GRANIAN_PORT=8000
# It asks as the proxy in front does, under the portal's own name: any other host is refused.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "\
import os, urllib.parse as p, urllib.request as r; \
u = p.urlsplit(os.environ['PORTAL_URL']); \
h = {'Host': u.netloc, 'X-Forwarded-Proto': u.scheme}; \
r.urlopen(r.Request('http://127.0.0.1:8000/.well-known/jwks.json', headers=h), timeout=4)"]
# The README's line. Docker kills after 10 seconds whatever has not ended: granian's own time-out is shorter.
CMD ["granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", \
    "--blocking-threads-idle-timeout", "600", "--respawn-failed-workers", "--workers-kill-timeout", "5", \
    "--no-access-log", "portal.wsgi:application"]
