# Stand-in for debian:bookworm-slim: a minimal Debian by debootstrap, and the host's certificate authorities, so
# that package managers inside trust what the host trusts.
FROM croft-rootfs:bookworm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Kept here too: update-ca-certificates writes the file above anew, with what it finds in this folder.
COPY ca-certificates.crt /usr/local/share/ca-certificates/host.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
LABEL croft.stand-in=true
CMD ["bash"]
