# Stand-in for python:3.11-slim-bookworm, from Debian's packages. A virtual environment in /usr/local gives the
# official image's paths (/usr/local/bin, /usr/local/lib/python3.11/site-packages) and is not "externally managed";
# with the system's packages, since only then `pip install --user` is allowed.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && python3 -m venv --system-site-packages /usr/local \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt \
           /usr/share/doc /usr/share/man
ENV LANG=C.UTF-8
LABEL croft.stand-in=true
CMD ["python3"]
