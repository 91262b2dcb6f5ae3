"""mfdvep: variant effects on regulatory experiments, split into biology and technique.

The names below are loaded when they are first used, so that `import mfdvep` is quick.

>>> from mfdvep import Genome, Scorer, load_model, score_vcf   # doctest: +SKIP
>>> scorer = Scorer(load_model(), Genome("genome.fa"))         # doctest: +SKIP
>>> score_vcf("in.vcf.gz", scorer, "out.vcf.gz")               # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Attribution": "mfdvep.interpret.attribution",
    "BurdenOptions": "mfdvep.cohort.options",
    "Calibration": "mfdvep.scoring.calibration",
    "Cluster": "mfdvep.scoring.cluster",
    "ClusterScorer": "mfdvep.scoring.cluster_scorer",
    "EffectBatch": "mfdvep.scoring.effects",
    "EffectFile": "mfdvep.scoring.effect_file",
    "EnrichOptions": "mfdvep.enrichment.preparing",
    "Enrichment": "mfdvep.enrichment.results",
    "Explanation": "mfdvep.interpret.explanation.explaining",
    "ExpressionModel": "mfdvep.expression.model",
    "FeatureStore": "mfdvep.scoring.store_file",
    "Features": "mfdvep.model.mfd",
    "Genome": "mfdvep.genomics.genome",
    "MFDModel": "mfdvep.model.mfd",
    "MfdvepError": "mfdvep.errors",
    "Mutagenesis": "mfdvep.interpret.mutagenesis",
    "Probe": "mfdvep.interpret.probes.results",
    "ProbeOptions": "mfdvep.interpret.probes.tasks",
    "RunSummary": "mfdvep.scoring.report",
    "Scorer": "mfdvep.scoring.scorer",
    "TrackTable": "mfdvep.model.tracks",
    "Variant": "mfdvep.genomics.variants",
    "VariantStatus": "mfdvep.genomics.variants",
    "VirtualTrack": "mfdvep.model.virtual",
    "add_virtual": "mfdvep.model.virtual",
    "attribute": "mfdvep.interpret.attribution",
    "burden": "mfdvep.cohort.running",
    "enrich": "mfdvep.enrichment.engine",
    "explain": "mfdvep.interpret.explanation.explaining",
    "load_expression_model": "mfdvep.expression.model",
    "load_model": "mfdvep.model.checkpoint",
    "mutate": "mfdvep.interpret.mutagenesis",
    "parse_targets": "mfdvep.interpret.targets",
    "probe": "mfdvep.interpret.probes.probing",
    "query_store": "mfdvep.scoring.query",
    "read_calibration": "mfdvep.scoring.calibration_file",
    "read_effects": "mfdvep.scoring.matrix",
    "read_features": "mfdvep.interpret.features.feature_file",
    "read_profiles": "mfdvep.expression.profiles",
    "score_vcf": "mfdvep.scoring.pipeline",
    "write_features": "mfdvep.interpret.features.extraction",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mfdvep' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
