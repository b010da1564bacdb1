# The server alone: no embedded PostgreSQL, no stand-in for Google, no demo data (those are the feature "local").

FROM rust:1.95-slim-bookworm AS rust
WORKDIR /src

# The manifests with empty sources. This stage runs at every change, yet what comes out of it stays the same
# until a dependency changes; so the next stage comes from the cache, however new crates and files come and go.
FROM rust AS manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock \
      ! -path '*/src/lib.rs' ! -path '*/src/main.rs' ! -path '*/benches/*.rs' ! -name build.rs -delete \
 && find . -name '*.rs' -exec sed -i -e '1!d' -e 's/.*/fn main() { }/' '{}' + \
 && find . -type d -empty -delete

# The dependencies, without anything of ours.
FROM rust AS build
COPY --from=manifests /src .
RUN cargo build --release --locked --package api --no-default-features \
 && cargo clean --release --package api --package entity --package google --package migration --package scheduling
COPY . .
RUN cargo build --release --locked --package api --no-default-features

# glibc, libgcc, CA certificates and nothing to log in to: neither shell nor package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/api /usr/local/bin/api
# Listens on all interfaces. Cloud Run sets its own.
ENV PORT=8080
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["/usr/local/bin/api", "healthcheck"]
# The program is process 1 and takes SIGTERM itself: it stops listening and lets requests and jobs come to an end.
ENTRYPOINT ["/usr/local/bin/api"]
CMD ["serve"]
