# One image for every process; docker-compose.yml says which one a container runs.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --create-home --uid 10001 relay
WORKDIR /srv/relay

# The lock alone first: code changes do not install again.
COPY requirements.lock ./
RUN python -m pip install --require-hashes -r requirements.lock

COPY app app
COPY tasks tasks
COPY workers workers
RUN mkdir var && chown relay: var

USER relay
ENV RELAY_DATA_DIR=/srv/relay/var
VOLUME /srv/relay/var
EXPOSE 8000 5555

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "app.cli", "probe", "web"]

CMD ["python", "-m", "app.cli", "web", "--host", "0.0.0.0"]
