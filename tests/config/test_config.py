"""A configuration is read whole or refused whole, and every mistake in it is told at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.config import KEYS, Config, Listen, load, parse, render
from exchange.config.forms import is_loopback
from exchange.errors import Broken, Invalid

BASE = Path("/etc/hx")
LEAST = {
    "member": "de-example",
    "data": "state",
    "registry.bootstrap": "root.json",
    "registry.mirrors": ["https://registry.example/hx/"],
    "mailbox.host": "own",
    "mailbox.listen": "127.0.0.1:8443",
    "mailbox.url": "https://mx.example",
}


def read(**changes: object) -> Config:
    """The least configuration with `changes`; `__` stands for a dot, None removes."""
    settings = dict(LEAST)
    for name, value in changes.items():
        settings[name.replace("__", ".")] = value
    return parse(render({name: value for name, value in settings.items() if value is not None}), BASE)


def mistakes(**changes: object) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read(**changes)
    for problem in caught.value.problems:
        assert problem.message.startswith(problem.pointer[1:].replace("/", ".") + ": ")
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_the_least_configuration_has_sensible_defaults() -> None:
    config = read()
    assert (config.member, config.data, config.database) == (
        "de-example",
        BASE / "state",
        BASE / "state/exchange.db",
    )
    assert config.registry.bootstrap == BASE / "root.json"
    assert config.registry.mirrors == ("https://registry.example/hx",)
    assert config.registry.serve is False
    assert (config.mailbox.authority, config.mailbox.url) == ("mx.example", "https://mx.example")
    assert config.mailbox.listen == Listen("127.0.0.1", 8443)
    assert config.member_api.socket == BASE / "state/member.sock"
    assert (config.development, config.identity.file, config.outbound.allow) == (False, None, ())
    assert (config.log.level, config.log.format, config.warnings) == ("info", "json", ())


def test_a_member_without_a_mailbox_of_its_own_needs_no_address() -> None:
    config = read(mailbox__host="hosted", mailbox__listen=None, mailbox__url=None)
    assert (config.mailbox.listen, config.mailbox.url, config.mailbox.authority) == (None, None, None)


def test_the_template_with_every_example_is_a_configuration() -> None:
    everything = {key.name: key.example for key in KEYS}
    config = parse(render(everything), BASE)
    assert config.mailbox.guests == ("xx-small-hotline",)
    assert config.mailbox.tls_key == BASE / "tls/key.pem"
    uncommented = "".join(
        line.removeprefix("# ") + "\n" for line in render({}).splitlines() if " = " in line or line[:1] == "["
    )
    assert parse(uncommented, BASE) == config


def test_the_template_refuses_a_setting_that_is_none() -> None:
    with pytest.raises(Broken, match=r"mailbox\.port"):
        render({"mailbox.port": "1"})


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_any_text_survives_the_template(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert read(identity__file=text).identity.file == BASE / text


def test_every_mistake_is_told_at_once() -> None:
    assert mistakes(
        member="UK Hotline", data=None, registry__mirrors=[], mailbox__listen="8443", log__level="loud"
    ) == [
        ("/member", "config-value"),
        ("/data", "config-missing"),
        ("/registry/mirrors", "config-value"),
        ("/mailbox/listen", "config-value"),
        ("/log/level", "config-value"),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("colour = 1", "colour: is no setting"),
        ("membr = 'x'", "membr: is no setting; did you mean member?"),
        ("listen = 'x'", "listen: is no setting; did you mean mailbox.listen?"),
        ("registry = 'x'", "registry: is no setting; did you mean registry.serve?"),
        ("[mailbox.listen]", "mailbox.listen: must be a text in quotes"),
        ("[mailbox]\nurls = 1", "mailbox.urls: is no setting; did you mean mailbox.url?"),
    ],
)
def test_an_unknown_key_is_a_mistake_with_a_hint(line: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(line, BASE)
    assert told in [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("member", ""),
        ("development", "yes"),
        ("registry.mirrors", "https://registry.example"),
        ("registry.mirrors", ["https://registry.example", "https://registry.example/"]),
        ("registry.mirrors", ["https://registry.example", "ftp://registry.example"]),
        ("mailbox.host", "shared"),
        ("mailbox.url", "https://user@mx.example"),
        ("mailbox.url", "https://mx.example?x"),
        ("mailbox.url", "https://mx.example/a//b"),
        ("mailbox.url", "https://MX.example"),
        ("mailbox.url", "https://mx.example:70000"),
        ("mailbox.url", "https://mx.example\\@evil.example"),
        ("mailbox.url", "https://mx.example/hx"),
        ("mailbox.authority", "mx.example:70000"),
        ("mailbox.authority", "Mx.example"),
        ("mailbox.listen", "127.0.0.1"),
        ("mailbox.listen", "127.0.0.1:70000"),
        ("mailbox.listen", "127.0.0.1:-1"),
        ("mailbox.listen", "::1:8443"),
        ("mailbox.listen", "[127.0.0.1]:8443"),
        ("mailbox.listen", "mx.example:8443"),
        ("mailbox.guests", ["not a member"]),
        ("member_api.socket", ""),
        ("member_api.socket", "s" * 100),
        ("outbound.allow", ["10.0.0.1/8"]),
        ("log.format", "xml"),
    ],
)
def test_a_wrong_value_is_told_and_not_repeated(setting: str, value: object) -> None:
    assert mistakes(**{setting.replace(".", "__"): value}) == [
        ("/" + setting.replace(".", "/"), "config-value")
    ]
    with pytest.raises(Invalid) as caught:
        read(**{setting.replace(".", "__"): value})
    told = str(caught.value.problems)
    assert not any(text in told for text in value if len(text) > 8) if isinstance(value, list) else True


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"mailbox__url": None}, ("/mailbox/url", "config-missing")),
        ({"mailbox__listen": None}, ("/mailbox/listen", "config-missing")),
        ({"mailbox__host": None}, ("/mailbox/host", "config-missing")),
        ({"mailbox__authority": "other.example"}, ("/mailbox/authority", "config-conflict")),
        ({"mailbox__authority": "mx.example:80"}, ("/mailbox/authority", "config-conflict")),
        ({"mailbox__tls_cert": "c.pem"}, ("/mailbox/tls_cert", "config-conflict")),
        ({"mailbox__tls_key": "k.pem"}, ("/mailbox/tls_key", "config-conflict")),
        ({"mailbox__guests": ["de-example"]}, ("/mailbox/guests", "config-conflict")),
        ({"mailbox__url": "http://mx.example"}, ("/mailbox/url", "config-insecure")),
        ({"mailbox__url": "http://127.0.0.1:8443"}, ("/mailbox/url", "config-insecure")),
        ({"mailbox__url": "http://mx.example", "development": True}, ("/mailbox/url", "config-insecure")),
        ({"registry__mirrors": ["http://registry.example"]}, ("/registry/mirrors", "config-insecure")),
        ({"mailbox__host": "hosted", "mailbox__url": None}, ("/mailbox/listen", "config-unused")),
        (
            {
                "mailbox__host": "hosted",
                "mailbox__url": None,
                "mailbox__listen": None,
                "registry__serve": True,
            },
            ("/registry/serve", "config-unused"),
        ),
        ({"mailbox__host": "hosted", "mailbox__listen": None}, ("/mailbox/url", "config-unused")),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, object], mistake: tuple[str, str]) -> None:
    assert mistakes(**changes) == [mistake]


@pytest.mark.parametrize(
    ("changes", "authority", "url"),
    [
        ({"mailbox__url": "https://mx.example:443/"}, "mx.example", "https://mx.example"),
        ({"mailbox__url": "https://mx.example:8443"}, "mx.example:8443", "https://mx.example:8443"),
        ({"mailbox__authority": "mx.example:443"}, "mx.example", "https://mx.example"),
        (
            {"mailbox__url": None, "mailbox__authority": "mx.example:443"},
            "mx.example",
            "https://mx.example",
        ),
        ({"mailbox__url": "http://[::1]:80", "development": True}, "[::1]", "http://[::1]"),
        ({"mailbox__url": "http://localhost:99", "development": True}, "localhost:99", "http://localhost:99"),
    ],
)
def test_what_peers_sign_is_the_url_without_its_default_port(
    changes: dict[str, object], authority: str, url: str
) -> None:
    mailbox = read(**changes).mailbox
    assert (mailbox.authority, mailbox.url) == (authority, url)


def test_an_open_member_api_is_warned_of() -> None:
    assert read(member_api__listen="127.0.0.1:8080").warnings == ()
    assert read(member_api__listen="[::1]:8080").warnings == ()
    assert [w.code for w in read(member_api__listen="0.0.0.0:8080").warnings] == ["config-exposed"]


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        ("localhost:1", True),
        ("127.9.9.9", True),
        ("[::1]:1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("?", False),
    ],
)
def test_what_counts_as_loopback(host: str, verdict: bool) -> None:
    assert is_loopback(host) is verdict


def test_an_address_prints_as_it_is_written() -> None:
    assert str(read(mailbox__listen="[::1]:8443").mailbox.listen) == "[::1]:8443"
    assert str(read(mailbox__listen="localhost:0").mailbox.listen) == "127.0.0.1:0"


@pytest.mark.parametrize("text", ["a = \n", "x = 'secret", "a" * 10, "a = " + "[" * 5000])
def test_what_is_not_toml_is_told_by_its_place(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text, BASE)
    assert caught.value.code == "config-syntax"
    assert "secret" not in caught.value.message


def test_a_file_is_read_with_paths_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text(render(LEAST))
    assert load(file).data == tmp_path / "state"
    file.write_bytes(b"\xff")
    for missing in (file, tmp_path / "none.toml"):
        with pytest.raises(Invalid) as caught:
            load(missing)
        assert caught.value.code == "config-file"
