"""Names of `pypet.pypetlogging`."""

from __future__ import annotations

import logging

import pytest


def test_all_logging_can_be_disabled(caplog):
    from pypet.pypetlogging import DisableAllLogging

    with DisableAllLogging():
        logging.getLogger("pypet").critical("unheard")
    logging.getLogger("pypet").critical("heard")
    assert caplog.messages == ["heard"]


def test_simple_keywords_become_a_configuration():
    from pypet.pypetlogging import simple_logging_config, use_simple_logging

    kwargs = {"log_folder": "x", "log_level": 10, "other": 1}
    assert use_simple_logging(kwargs)
    config = simple_logging_config(kwargs)
    assert config.keys() == {"other", "log_config"}
    assert config["log_config"]["loggers"][""]["level"] == 10
    assert simple_logging_config({"other": 1}) == {"other": 1}
    with pytest.raises(ValueError, match="log_config"):
        simple_logging_config({**kwargs, "log_config": None})
