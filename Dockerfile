# The gateway alone: no shell, no package manager, no simulator.
#
#   docker build -t rootgate .
#   docker run --read-only --cap-drop=all --security-opt no-new-privileges -p 8443:8443 \
#     -v ./etc:/etc/rootgate:ro -v journal:/var/lib/rootgate rootgate

# At least 1.94.1, which the AWS SDK needs.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches keep crates and compiled dependencies between builds; the binary is taken out, since a cache is in no layer.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin rootgate \
    && install -D --strip --mode=0755 target/release/rootgate /out/usr/local/bin/rootgate \
    && install -D --mode=0644 deploy/policy/default.cedar /out/usr/share/rootgate/policy/default.cedar \
    && install -D --mode=0644 LICENSE /out/usr/share/rootgate/LICENSE \
    && install -d --mode=0700 /out/var/lib/rootgate

# glibc, libgcc and certificate authorities, and nothing else.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/usr /usr
# The journal lives on a volume; whoever mounts one gets a folder that the gateway's user owns.
COPY --from=build --chown=65532:65532 /out/var/lib/rootgate /var/lib/rootgate
USER 65532:65532
WORKDIR /var/lib/rootgate
VOLUME ["/var/lib/rootgate"]
EXPOSE 8443
ENTRYPOINT ["/usr/local/bin/rootgate"]
CMD ["serve", "--config", "/etc/rootgate/rootgate.toml"]
