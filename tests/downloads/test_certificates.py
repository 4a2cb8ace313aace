"""Downloads over HTTPS where the server's certificate is not one that everybody knows."""

from __future__ import annotations

import hashlib
import shutil
import ssl
from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from core.data import sources
from core.problem import Problem, Text
from core.zoo import catalogue, weights

FOLDER = Path(__file__).parent / "certificate"  # made for 127.0.0.1, and worth nothing elsewhere
AUTHORITY = FOLDER / "authority.pem"
CONTENT = b"weights" * 100


@pytest.fixture(autouse=True)
def nobody_trusted(monkeypatch, tmp_path):
    """As on a Mac with Python from python.org: no list of authorities but certifi's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))


@pytest.fixture
def secured(server):
    """Make the server speak HTTPS with a certificate of this folder, and give its address."""

    def secure(certificate: str) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(FOLDER / certificate, FOLDER / "key.pem")
        http = server._http
        http.socket = context.wrap_socket(
            http.socket, server_side=True, do_handshake_on_connect=False
        )
        http.handle_error = lambda *_: None  # those who do not trust it hang up
        server.content = CONTENT
        return server.address.replace("http:", "https:")

    return secure


def entry(address: str) -> catalogue.Entry:
    file = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    return replace(
        catalogue.entry("resnet18"),
        weights_file=file,
        weights_bytes=len(CONTENT),
        url=f"{address}/{file}",
    )


def refused(address: str) -> Problem:
    with pytest.raises(Problem, match="ResNet-18 could not be downloaded") as told:
        list(weights.download(entry(address)))
    assert isinstance(told.value.fields["reason"], Text)  # which has translations
    assert "tiny-" in str(told.value)
    return told.value


def test_a_proxy_that_signs_anew_is_named_with_what_to_do(secured, torch_home):
    said = str(refused(secured("authority.pem")))
    assert "school's proxy" in said
    assert "SSL_CERT_FILE" in said
    assert not [path for path in torch_home.rglob("*") if path.is_file()]


def test_a_data_set_says_the_same(secured, monkeypatch):
    monkeypatch.setenv(sources.MIRROR_VARIABLE, secured("authority.pem"))
    with pytest.raises(Problem, match="SSL_CERT_FILE"):
        list(sources.load(sources.source("ants-bees")))


def test_with_the_proxys_certificate_named_it_works(secured, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    steps = list(weights.download(entry(secured("authority.pem"))))
    assert steps[-1].result.read_bytes() == CONTENT


def test_without_any_list_on_the_computer_certifis_is_taken(secured, monkeypatch, tmp_path):
    bundle = tmp_path / "bundle.pem"
    shutil.copy(AUTHORITY, bundle)
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    steps = list(weights.download(entry(secured("authority.pem"))))
    assert steps[-1].result.read_bytes() == CONTENT


def test_a_certificate_out_of_its_dates_points_to_the_clock(secured, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(FOLDER / "expired.pem"))
    assert "date of this computer" in str(refused(secured("expired.pem")))
