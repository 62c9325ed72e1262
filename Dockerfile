# The BFF alone: no embedded Supabase, no tests, no compiler. docs/deployment.md says how it is run; `make image` runs
# these steps and the service without Docker.
FROM python:3.11.15-slim-bookworm AS build
COPY requirements.lock /build/requirements.lock
# Wheels by their hashes, nothing is built. Bytecode is written now: the service may not write beside it, and a file's
# time means nothing after a copy.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --no-deps --only-binary :all: -r /build/requirements.lock \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
COPY bff /app/bff
RUN python -m compileall -q --invalidation-mode unchecked-hash /app/bff \
    && install -d -m 0700 /var/lib/reservepty/audit

FROM python:3.11.15-slim-bookworm
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="reservepty-bff" \
    org.opencontainers.image.description="The backend-for-frontend of ReservePTY: shared calendars on Supabase." \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# Nobody's number, and no name: orchestrators that demand a user other than root look at the number.
COPY --from=build --chown=10001:10001 /var/lib/reservepty /var/lib/reservepty
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BFF_HOST=0.0.0.0 \
    BFF_PORT=8000 \
    AUDIT_SPOOL_DIR=/var/lib/reservepty/audit
WORKDIR /app
USER 10001:10001
EXPOSE 8000
# What waits to be written while the database is away must outlive the container. Otherwise only /tmp is written to.
VOLUME ["/var/lib/reservepty/audit"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['BFF_PORT']), timeout=2); c.request('GET', '/api/live'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "bff"]
