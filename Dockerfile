# One binary on a small system. It runs as a user without rights and needs a
# PostgreSQL of its own to talk to (DATABASE_URL).

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# What was fetched and built before is kept between builds; the binary is taken
# out of the cache, which is not part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p sayso && cp target/release/sayso /sayso

FROM debian:bookworm-slim
# pg_dump and pg_restore, for `sayso backup` and `sayso restore`: of the version
# that compose.yaml runs. Another server needs that one's client.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 sayso \
    && useradd --uid 10001 --gid sayso --home-dir /var/lib/sayso --shell /usr/sbin/nologin sayso \
    && install -d -o sayso -g sayso -m 0700 /var/lib/sayso
COPY --from=build /sayso /usr/local/bin/sayso
USER 10001:10001
# Inside a container nothing but this port is reached.
ENV SAYSO_DATA_DIR=/var/lib/sayso SAYSO_HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
# SIGTERM ends requests in order; there is no shell in between to swallow it.
ENTRYPOINT ["/usr/local/bin/sayso"]
CMD ["serve"]
