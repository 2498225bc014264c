# Stand-in for node:*-bookworm-slim: Node, npm, corepack, pnpm and Yarn 1 from npm packages.
FROM debian:bookworm-slim
COPY usr-local/ /usr/local/
RUN groupadd --gid 1000 node \
 && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
LABEL croft.stand-in=true
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
