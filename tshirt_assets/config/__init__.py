"""The configuration of a corpus: its options, declared once, and everything said about them."""

from tshirt_assets.config.automation import AutomationOptions
from tshirt_assets.config.corpus import NEIGHBOURS, ConfigError, CorpusConfig, parse_config
from tshirt_assets.config.options import (
    CausalLMOptions,
    ColumnOptions,
    DiversityOptions,
    EmbedderOptions,
    Estimator,
    ExportFormat,
    InputFormat,
    Method,
    Options,
    PromptFormat,
    Recipe,
    RobustnessOptions,
)

__all__ = [
    "NEIGHBOURS",
    "AutomationOptions",
    "CausalLMOptions",
    "ColumnOptions",
    "ConfigError",
    "CorpusConfig",
    "DiversityOptions",
    "EmbedderOptions",
    "Estimator",
    "ExportFormat",
    "InputFormat",
    "Method",
    "Options",
    "PromptFormat",
    "Recipe",
    "RobustnessOptions",
    "parse_config",
]
