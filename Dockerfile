# The image of okr-service: `docker build --tag okr-service .`
# Where it is built for others to run, pin the base by what it is:
#   --build-arg PYTHON_IMAGE=python:3.11-slim-trixie@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim-trixie

FROM ${PYTHON_IMAGE} AS builder
ENV UV_NO_CONFIG=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /build
COPY requirements.lock ./
# uv holds what it installs to the hashes of the lock, and is held to its own by pip.
RUN sed -n '/^uv==/,/# via/p' requirements.lock > uv.txt \
    && python -m pip install --no-cache-dir --require-hashes --requirement uv.txt \
    && uv pip install --system --constraints requirements.lock hatchling openapi-python-client
COPY pyproject.toml README.md LICENSE hatch_build.py ./
COPY openapi openapi
COPY migrations migrations
COPY src src
# Without the embedded PostgreSQL: that is the extra which is not named here.
RUN python -m hatchling build --target wheel --directory dist \
    && sha256sum dist/*.whl > sum.txt \
    && read -r sum wheel < sum.txt \
    && echo "okr-service[parquet] @ file://$PWD/$wheel --hash=sha256:$sum" > okr.txt \
    && uv venv /opt/okr \
    && uv pip install --python /opt/okr --require-hashes \
        --constraints requirements.lock --requirement okr.txt

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="okr-service" \
      org.opencontainers.image.description="An API microservice for objectives and key results" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed in a container that runs.
RUN python -m pip uninstall --yes wheel setuptools pip
COPY --from=builder /opt/okr /opt/okr
ENV PATH="/opt/okr/bin:$PATH" HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# By http.client, for urllib would ask a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as To; c = To('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["okr"]
CMD ["serve", "--host", "0.0.0.0"]
