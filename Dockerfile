# docker build -t clipcue .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /clipcue ./cmd/clipcue

FROM debian:bookworm-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends ca-certificates ffmpeg \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --create-home --uid 1000 clipcue \
	&& install -d -o clipcue -g clipcue /data /home/clipcue/.cache
COPY --from=build /clipcue /usr/bin/clipcue
COPY LICENSE NOTICE /usr/share/doc/clipcue/
USER clipcue
WORKDIR /data
VOLUME ["/data", "/home/clipcue/.cache"]
ENV CLIPCUE_LIBRARY=/data/library
ENTRYPOINT ["clipcue"]
