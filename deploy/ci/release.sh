#!/usr/bin/env bash
# What CI does for an application, in any CI system: build, push, and set the tag in the config repo. It has no
# kubeconfig and needs none: the cluster pulls.
#
#   IMAGE         where to push, such as registry.example.com/acme/shop-api
#   NAME          the image as the overlay names it, such as shop-api
#   CONFIG_REPO   address of the config repo; git's own credentials are used
#   BRANCH        branch of the config repo, such as develop
#   OVERLAY       overlay in it; default overlays/$BRANCH
set -euo pipefail

: "${IMAGE:?}" "${NAME:?}" "${CONFIG_REPO:?}" "${BRANCH:?}"
commit="$(git rev-parse --short=12 HEAD)"

docker build --tag "$IMAGE:$commit" .
docker push --quiet "$IMAGE:$commit"
# The digest is what was pushed, whatever happens to the tag later.
digest="$(docker image inspect --format '{{index .RepoDigests 0}}' "$IMAGE:$commit")"

driftless image set "$NAME=$IMAGE:$commit@${digest##*@}" \
  --repo "$CONFIG_REPO" \
  --branch "$BRANCH" \
  --path "${OVERLAY:-overlays/$BRANCH}" \
  --author "CI <ci@example.com>"
