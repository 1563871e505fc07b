# --- build: the whole toolchain, left behind afterwards
FROM swift:6.3-bookworm AS build
RUN apt-get update --quiet \
  && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends \
    libcurl4-openssl-dev libsqlite3-dev libssl-dev pkg-config zlib1g-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies in a layer of their own: they change far less often than the sources.
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
# The manifest names the test targets, so their folders have to be there; nothing of them is compiled.
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product nightstand -Xlinker --strip-all \
  && install -D --target-directory /out/bin .build/release/nightstand

# --- run: Debian, libraries that the system patches, one binary, the programs that make pictures
FROM debian:bookworm-slim
RUN apt-get update --quiet \
  && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends \
    ca-certificates libcurl4 libsqlite3-0 libssl3 libstdc++6 tzdata zlib1g \
    ffmpeg libimage-exiftool-perl libvips-tools \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 1000 nightstand \
  && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /data --shell /usr/sbin/nologin nightstand \
  && install --directory --owner 1000 --group 1000 --mode 0750 /data
COPY --from=build /out/bin/nightstand /usr/local/bin/nightstand
COPY migrations /usr/local/share/nightstand/migrations
COPY Public /usr/local/share/nightstand/Public

# As variables rather than options, so that `docker exec … nightstand user list` finds the same data.
ENV NIGHTSTAND_DATA=/data \
    NIGHTSTAND_HOST=0.0.0.0 \
    NIGHTSTAND_RESOURCES=/usr/local/share/nightstand
# On a NAS, --user UID:GID takes the owner of the mounted folder instead.
USER 1000:1000
VOLUME /data
EXPOSE 2283
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["nightstand", "healthcheck"]
ENTRYPOINT ["nightstand"]
CMD ["serve"]
