# The studio, or the API alone, in a container: docker compose up, or see docs/studio.md.
FROM python:3.12-slim AS made
# pytorch.org says which index has the CPU build of torch, a tenth of the size: --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY janelm janelm
RUN python -m venv /opt/janelm \
    && /opt/janelm/bin/pip install --no-cache-dir torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    && /opt/janelm/bin/pip install --no-cache-dir ".[studio,onnx,pdf,book]"

FROM python:3.12-slim
# g++ makes the fast engine for this very processor; npm fetches the page's two packages once.
RUN apt-get update && apt-get install -y --no-install-recommends g++ npm && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 jane && mkdir /work && chown jane /work
COPY --from=made /opt/janelm /opt/janelm
ENV PATH=/opt/janelm/bin:$PATH JANELM_CACHE=/work/cache
USER jane
WORKDIR /work
VOLUME /work
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["janelm", "studio", "--host", "0.0.0.0"]
