# evolve itself, for controllers and workers in containers. From the repository's root:
#   docker build -f infra/evolve.Dockerfile -t evolve:local .
# Any base image with Python 3.11 or later and pip will do: --build-arg BASE_IMAGE=evolve-base:debian (base_image.sh).
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
# For the build alone, as in Dockerfile.
ARG PIP_INDEX_URL
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# What changes seldom first: the packages that evolve stands on, then evolve.
COPY pyproject.toml README.md ./
COPY evolve/__init__.py evolve/__init__.py
RUN ["python3", "-c", "import subprocess, sys, tomllib; wanted = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install', '--progress-bar=off', 'hatchling>=1.25,<2', *wanted]))"]
COPY evolve evolve
COPY evaluators evaluators
COPY problems problems
COPY conf conf
COPY infra infra
RUN ["python3", "-m", "pip", "install", "--progress-bar=off", "--no-build-isolation", "--no-deps", "."]
# Runs, caches and tokens: mount something here.
WORKDIR /work
ENV EVOLVE_SANDBOX=process
ENTRYPOINT ["evolve"]
CMD ["--help"]
