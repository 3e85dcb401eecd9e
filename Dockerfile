# Any Debian with Python 3.11 or later will do: python:3.11-slim, debian:bookworm-slim, ...
#   docker build -t digest .
#   docker run --rm -v digest:/data -v ./config.toml:/data/config.toml:ro -v ./seeds:/data/seeds:ro digest now
ARG BASE=python:3.11-slim

FROM ${BASE} AS base
SHELL ["/bin/sh", "-euc"]
RUN packages="ca-certificates tzdata"; \
    command -v python3 >/dev/null || packages="$packages python3 python3-venv"; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/*; \
    python3 -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'

FROM base AS build
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
RUN python3 -m venv /opt/build; \
    /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.lock; \
    /opt/build/bin/pip wheel --no-cache-dir --no-deps --require-hashes --no-build-isolation \
      -r requirements.lock -w /wheels
COPY pyproject.toml README.md LICENSE ./
COPY templates templates
COPY digest digest
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheels; \
    python3 -m venv --without-pip /opt/digest; \
    /opt/build/bin/pip --python /opt/digest/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM base
# A number, so that orchestrators can see it is not root.
RUN groupadd --system --gid 10001 digest; \
    useradd --system --uid 10001 --gid digest --home-dir /data --no-create-home digest; \
    install -d -o digest -g digest /data
COPY --from=build /opt/digest /opt/digest
ENV PATH=/opt/digest/bin:$PATH PYTHONUNBUFFERED=1 PYTHONUTF8=1
USER 10001:10001
WORKDIR /data
VOLUME /data
# The configuration is right and the database answers.
HEALTHCHECK --interval=60s --timeout=20s --start-period=20s --retries=3 CMD ["digest", "themes", "--json"]
ENTRYPOINT ["digest"]
CMD ["now"]
