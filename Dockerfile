# Instep's programs in one image: docker compose builds it once and runs each role from it.
# Written for a Docker engine of version 23 or later; not run where it was written, which has no engine.

FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        build-essential pkg-config libevent-dev libhiredis-dev libpq-dev libjansson-dev \
        libcurl4-openssl-dev libssl-dev libtomlplusplus-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make -j"$(nproc)" all

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        libevent-2.1-7 libhiredis0.14 libpq5 libjansson4 libcurl4 libssl3 libstdc++6 ca-certificates curl postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin instep
COPY --from=build /src/bin/ /usr/local/bin/
COPY deploy/container/provision /usr/local/bin/instep-provision
USER 10001:10001
# No default program: compose, or whoever runs the image, names the role.
CMD ["instep", "--help"]
