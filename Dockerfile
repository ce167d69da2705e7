# The engine. glibc, because the embedded ClickHouse and the Kafka client are built for it (no Alpine).
#
# The build needs the registries of Debian and npm. The Kafka client's own install script downloads a prebuilt one where it can and compiles else, hence the compiler and the headers; the
# second stage has the libraries that a compiled one is linked with. POINTSTREAM_REQUIRE makes the build fail where the client can't be had, instead of leaving it out.
FROM node:22.20.0-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates g++ make pkg-config python3 \
      libcurl4-openssl-dev liblz4-dev libsasl2-dev libssl-dev libzstd-dev zlib1g-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
COPY scripts ./scripts
COPY engine ./engine
COPY workers ./workers
COPY schemas ./schemas
COPY loadtest ./loadtest
COPY grafana ./grafana
COPY test ./test
RUN POINTSTREAM_REQUIRE=kafka npm ci --include=dev --include=optional --ignore-scripts && POINTSTREAM_REQUIRE=kafka node scripts/install.mjs --installed \
      && npm prune --omit=dev --ignore-scripts

FROM node:22.20.0-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libcurl4 liblz4-1 libsasl2-2 libssl3 libzstd1 zlib1g && rm -rf /var/lib/apt/lists/*
# All listeners, because what is not published can't be reached from outside of the container.
ENV NODE_ENV=production POINTSTREAM_HOST=0.0.0.0 POINTSTREAM_DATA=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/scripts/container-health.mjs ./scripts/
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
# HTTP, ClickHouse when it is embedded, metrics.
EXPOSE 8080 8123 9464
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 CMD ["node", "scripts/container-health.mjs"]
CMD ["node", "dist/engine/cli.js", "serve"]
