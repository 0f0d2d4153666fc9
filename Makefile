# Two commands do everything on a machine with Python 3.11 and make: `make run` and `make test`.

PYTHON ?= python3.11
VENV := .venv
SIDE_BY_SIDE := -n 2 --dist loadfile
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1

.PHONY: run test test-long docs serve report tracking-ui sbom clean install

run: install  ## build, publish and promote a release from params.yaml, then report on it
	explorer check-params
	explorer build
	explorer publish
	@# a refused promotion is reported too, and still fails the command
	explorer promote --why "make run" && promoted=0 || promoted=$$?; \
	explorer report && exit $$promoted

test: install  ## style, types and every fast test; at most 15 minutes on 2 cores
	ruff check .
	ruff format --check .
	mypy
	python -m pytest -m "not long" $(SIDE_BY_SIDE)

test-long: install  ## kills, double builds, soaks and other processors; some 35 minutes on 2 cores
	python -m pytest -m long $(SIDE_BY_SIDE)

docs: install  ## the documents as a site, site/index.html; a dead link fails
	python -m mkdocs build --strict

serve: install  ## the recommendation service on http://127.0.0.1:8000
	explorer serve

report: install  ## print the report of the last run again
	explorer report

tracking-ui: install  ## MLflow's pages over the local runs and registered models
	explorer tracking-ui

# in an environment of its own: the bill is of ours, not of the tool
sbom: install  ## the software bill of materials of the environment, build/sbom.json (CycloneDX)
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt cyclonedx-bom
	build/sbom/bin/cyclonedx-py environment --output-reproducible --of JSON -o build/sbom.json $(VENV)/bin/python

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e ".[test,docs,redis,postgres,ray,gguf]"
	touch $@

clean:  ## leave a fresh tree: every built file goes, the environment too
	rm -rf $(VENV) artifacts metrics build site *.egg-info .dvc/cache .dvc/tmp
	@# who asked to be forgotten was not built and stays
	find var -mindepth 1 -maxdepth 1 ! -name forgotten_users.txt -exec rm -rf {} +
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis dvc_plots
	@# a lock file of one's own results stays where it has been committed
	git ls-files --error-unmatch dvc.lock >/dev/null 2>&1 || rm -f dvc.lock
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
