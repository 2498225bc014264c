# Stand-in for oven/bun:1-slim.
FROM debian:bookworm-slim
COPY usr-local/ /usr/local/
RUN groupadd --gid 1000 bun \
 && useradd --uid 1000 --gid bun --shell /bin/sh --create-home bun \
 && install --directory --owner bun --group bun /home/bun/app
ENV BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 \
    BUN_INSTALL_BIN=/usr/local/bin
LABEL croft.stand-in=true
WORKDIR /home/bun/app
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["bun"]
