# The last, thin layer of every image: the guest package. Apart from the others, so that a change of it rebuilds only this.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
USER 0:0
WORKDIR /
ENTRYPOINT []
HEALTHCHECK NONE
COPY evaluators /opt/evolve/evaluators
RUN ["python3", "-c", "import compileall, msgspec, numpy, py_compile, sys; sys.exit(not compileall.compile_dir('/opt/evolve/evaluators', quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"]
