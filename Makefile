# Each target is enough by itself: it first installs what it needs into .venv.

PORT ?= 8000
# The commit whose GraphQL schema must not be broken; none where there is no history.
SINCE ?= $(shell git rev-parse --verify --quiet HEAD~1)
BIN := .venv/bin
INSTALLED := .venv/.installed
# A uv of the machine if there is a working one, else our own.
UV = $$(uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
NEED_UV = uv --version >/dev/null 2>&1 || [ -x .tools/bin/uv ] || { \
	rm -rf .tools && mkdir .tools && \
	python3 -m pip install --quiet --target .tools/new "uv>=0.8,<1" && \
	mv .tools/new/bin .tools/bin && rm -rf .tools/new; }
# Where what is released is built.
DIST ?= dist
export UV_PYTHON_DOWNLOADS := never
# Trust whom the machine trusts, a company's proxy included.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),true,false)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help serve demo test test-slow format check docs dist sbom graphiql lock

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

serve: $(INSTALLED) ## Run the service on PORT (8000) with a PostgreSQL of its own
	@$(BIN)/okr serve --port $(PORT)

demo: $(INSTALLED) ## Run the service with example data
	@$(BIN)/okr serve --demo --port $(PORT)

test: $(INSTALLED) ## Run the tests
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: $(INSTALLED) ## Run the longer proofs
	$(BIN)/pytest -m slow

format: $(INSTALLED) ## Format the code and repair what can be repaired
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

check: $(INSTALLED) ## Judge format, style, types, layers and published documents
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/okr schema --check $(if $(SINCE),--since $(SINCE))

docs: $(INSTALLED) ## Make the documentation site in site/; what leads nowhere fails
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --nitpicky -b html docs site
	@echo "Open site/index.html"

dist: $(INSTALLED) ## Build the wheels of service and client into DIST (dist)
	@$(BIN)/hatchling build --target wheel --directory "$(abspath $(DIST))"
	@cd clients/python && ../../$(BIN)/hatchling build --target wheel --directory "$(abspath $(DIST))"

# The wheel with all its extras, installed from the lock and nothing else, and what that is.
sbom: dist ## Install the wheel into DIST/environment, and list what is in it (CycloneDX)
	@$(NEED_UV)
	@wheel=$$(ls -t $(abspath $(DIST))/okr_service-*.whl | head -n 1) && \
	echo "okr-service[embedded,parquet] @ file://$$wheel --hash=sha256:$$(sha256sum "$$wheel" | cut -c 1-64)" \
		> $(DIST)/environment.txt && \
	rm -rf $(DIST)/environment && $(UV) venv --quiet --python python3 $(DIST)/environment && \
	$(UV) pip install --quiet --python $(DIST)/environment/bin/python --require-hashes \
		--constraints requirements.lock --requirement $(DIST)/environment.txt && \
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file "$${wheel%%-py3*}.cdx.json" \
		$(DIST)/environment/bin/python

graphiql: ## Fetch GraphiQL's files anew, by npm
	@new=$$(mktemp -d) && cd $$new && npm pack --silent graphiql@3.8.3 react@18.3.1 react-dom@18.3.1 && \
	for packed in *.tgz; do mkdir $${packed%.tgz} && tar xzf $$packed -C $${packed%.tgz} --strip-components 1; done && \
	cd $(CURDIR)/src/okr_service/graphql/static && \
	gzip -9nc $$new/graphiql-3.8.3/graphiql.min.js > graphiql.js.gz && \
	gzip -9nc $$new/graphiql-3.8.3/graphiql.min.css > graphiql.css.gz && \
	gzip -9nc $$new/react-18.3.1/umd/react.production.min.js > react.js.gz && \
	gzip -9nc $$new/react-dom-18.3.1/umd/react-dom.production.min.js > react-dom.js.gz && rm -rf $$new

lock: ## Bring requirements.lock up to pyproject.toml; delete it first to upgrade everything
	@$(NEED_UV)
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--extra embedded --extra parquet --group dev pyproject.toml --output-file requirements.lock

# A copied or moved checkout must not go on using the code it was copied from.
ifneq ($(file <$(INSTALLED)),$(CURDIR))
.PHONY: $(INSTALLED)
endif

# Removed first and written last, the stamp says that everything in between was done.
$(INSTALLED): pyproject.toml requirements.lock hatch_build.py openapi/openapi.json
	@echo "Installing into .venv ..."
	@$(NEED_UV)
	@[ "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" ] || { rm -rf .venv && $(UV) venv -q --python python3 .venv; }
	@rm -f $@
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@echo "$(CURDIR)" > $@
