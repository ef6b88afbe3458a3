"""A URL has the host that a browser would open, and never reaches a message."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.documents import ONION_URL

from exchange.core.limits import URL_CHARS
from exchange.core.urls import UrlKind, address_of, defang, parse_url, refang, sameness
from exchange.errors import Invalid

KEY = bytes(32)

NAME, ONION, V4, V6, OTHER_NAME = UrlKind

ACCEPTED = [
    # what browsers see, and what urllib.parse and yarl do not
    (
        "http://example.com\\@evil.example/",
        "http://example.com/@evil.example/",
        "example.com",
        NAME,
        None,
    ),
    ("http://2130706433/", "http://127.0.0.1/", "127.0.0.1", V4, "127.0.0.1"),
    ("http://0x7f000001/", "http://127.0.0.1/", "127.0.0.1", V4, "127.0.0.1"),
    ("http://127.1/", "http://127.0.0.1/", "127.0.0.1", V4, "127.0.0.1"),
    ("http://0300.0.2.021/", "http://192.0.2.17/", "192.0.2.17", V4, "192.0.2.17"),
    ("http://192.0.2.17./", "http://192.0.2.17/", "192.0.2.17", V4, "192.0.2.17"),
    ("http://１９２.0.2.17/", "http://192.0.2.17/", "192.0.2.17", V4, "192.0.2.17"),
    ("http:f.example.com/a", "http://f.example.com/a", "f.example.com", NAME, None),
    (
        "http:\\\\f.example.com\\a",
        "http://f.example.com/a",
        "f.example.com",
        NAME,
        None,
    ),
    ("http://exa%6dple.com/", "http://example.com/", "example.com", NAME, None),
    ("http://example。com/", "http://example.com/", "example.com", NAME, None),
    ("http://@example.com/", "http://example.com/", "example.com", NAME, None),
    # an IPv4 address inside IPv6
    (
        "http://[::ffff:192.0.2.17]/",
        "http://[::ffff:c000:211]/",
        "::ffff:c000:211",
        V6,
        "192.0.2.17",
    ),
    ("http://[64:ff9b::7f00:1]/", "http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1", V6, "127.0.0.1"),
    (
        "http://[64:ff9b:1::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "64:ff9b:1::7f00:1",
        V6,
        "127.0.0.1",
    ),
    ("http://[2002:c000:211::]/", "http://[2002:c000:211::]/", "2002:c000:211::", V6, "192.0.2.17"),
    (
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        V6,
        "192.0.2.45",
    ),
    ("http://[::192.0.2.17]/", "http://[::c000:211]/", "::c000:211", V6, "192.0.2.17"),
    ("http://[::1]/", "http://[::1]/", "::1", V6, "::1"),
    ("http://[2001:DB8:0:0::17]:80/", "http://[2001:db8::17]/", "2001:db8::17", V6, "2001:db8::17"),
    # ordinary ones
    (
        "HTTP://F.Example.COM:80/A#b",
        "http://f.example.com/A#b",
        "f.example.com",
        NAME,
        None,
    ),
    (
        "https://bücher.example/ä",
        "https://xn--bcher-kva.example/%C3%A4",
        "xn--bcher-kva.example",
        NAME,
        None,
    ),
    ("https://faß.example/", "https://xn--fa-hia.example/", "xn--fa-hia.example", NAME, None),
    (
        "ftp://f.example.com:21/x",
        "ftp://f.example.com/x",
        "f.example.com",
        NAME,
        None,
    ),
    (
        "http://f.example.com./",
        "http://f.example.com./",
        "f.example.com",
        NAME,
        None,
    ),
    ("http://a_b.example.com/x@y", "http://a_b.example.com/x@y", "a_b.example.com", NAME, None),
    ("http://localhost/", "http://localhost/", "localhost", OTHER_NAME, None),
    ("http://printer.local/", "http://printer.local/", "printer.local", OTHER_NAME, None),
    ("http://onion/", "http://onion/", "onion", OTHER_NAME, None),
    (ONION_URL, ONION_URL, ONION_URL.split("/")[2], ONION, None),
    (
        ONION_URL.replace("//", "//www."),
        ONION_URL.replace("//", "//www."),
        f"www.{ONION_URL.split('/')[2]}",
        ONION,
        None,
    ),
]

REFUSED = [
    ("url-scheme", "javascript:alert(1)"),
    ("url-scheme", "JavaScript://example.com/%0Aalert(1)"),
    ("url-scheme", "data:text/html;base64,AA=="),
    ("url-scheme", "file:///etc/passwd"),
    ("url-scheme", "ws://example.com/"),
    ("url-scheme", "mailto:someone@example.com"),
    ("url-scheme", "blob:http://example.com/1"),
    ("url-scheme", "view-source:http://example.com/"),
    ("url-credentials", "http://user:word@example.com/"),
    ("url-credentials", "http://user@example.com/"),
    ("url-credentials", "http://:word@example.com/"),
    ("url-credentials", "https://example.com%2F@evil.example/"),
    ("url-credentials", "ftp://anonymous@files.example.com/"),
    ("url-length", "http://example.com/" + "a" * URL_CHARS),
    ("url-malformed", ""),
    ("url-malformed", "files.example.com/a"),
    ("url-malformed", "//files.example.com/a"),
    ("url-malformed", "http://"),
    ("url-malformed", "http://files.example.com:99999/"),
    ("url-malformed", "http://exa mple.com/"),
    ("url-malformed", "http://example..com/"),
    ("url-malformed", "http://.example.com/"),
    ("url-malformed", "http://./"),
    ("url-malformed", f"http://{'a' * 64}.example.com/"),
    ("url-malformed", f"http://{'a.' * 130}com/"),
    ("url-malformed", "http://192.0.2.256/"),
    ("url-malformed", "http://1.2.3.4.5/"),
    ("url-malformed", "http://[::1/"),
    ("url-malformed", "http://[fe80::1%25eth0]/"),
    ("url-malformed", "http://exam\rple.com/"),
    ("url-malformed", "http://example.com/\na"),
    ("url-malformed", "http://exam\tple.com/"),
    ("url-malformed", "http://example.com/\x00"),
    ("url-malformed", "http://example.com/\x7f"),
    ("url-malformed", "http://example.com/\x85"),
    ("url-malformed", " http://example.com/"),
    ("url-malformed", "http://example.com/\u3000"),
    ("url-malformed", "http://example.com/\ud800"),
    ("url-malformed", "http://short.onion/"),
    ("url-malformed", f"http://{'1' * 56}.onion/"),
    ("url-malformed", None),
    ("url-malformed", 7),
]


@pytest.mark.parametrize(("given_url", "normal", "host", "kind", "address"), ACCEPTED)
def test_accepted_as_a_browser_reads_it(
    given_url: str, normal: str, host: str, kind: UrlKind, address: str | None
) -> None:
    url = parse_url(given_url, "resource.url")
    assert (url.given, url.normal, url.host, url.kind) == (given_url, normal, host, kind)
    assert address_of(url) == address


@pytest.mark.parametrize(("code", "text"), REFUSED)
def test_refused_by_name_of_the_field_only(code: str, text: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(text, "resource.url")
    assert caught.value.code == code
    assert caught.value.message.startswith("resource.url: ")
    assert "example" not in caught.value.message
    assert caught.value.__cause__ is None


SAME = [
    ("http://files.example.com/a", "https://files.example.com/a"),
    ("http://files.example.com/a", "ftp://files.example.com:21/a"),
    ("http://files.example.com:80/a", "https://FILES.example.com:443/a#top"),
    ("http://files.example.com", "http://files.example.com/#"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ("http://3221225985/", "http://192.0.2.1/"),
    ("http://files.example.com/a/../b", "http://files.example.com/b"),
]
OTHER = [
    ("http://files.example.com/a", "http://files.example.com/A"),
    ("http://files.example.com/a", "http://files.example.com/a/"),
    ("http://files.example.com/a", "http://files.example.com/a?"),
    ("http://files.example.com/?a#b", "http://files.example.com/?b"),
    ("http://files.example.com/", "http://files.example.com:8080/"),
    ("http://files.example.com/%61", "http://files.example.com/a"),
    ("http://files.example.com/%23a", "http://files.example.com/#a"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_same(one: str, two: str) -> None:
    assert sameness(KEY, parse_url(one, "")) == sameness(KEY, parse_url(two, ""))


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_not_the_same(one: str, two: str) -> None:
    assert sameness(KEY, parse_url(one, "")) != sameness(KEY, parse_url(two, ""))


def test_sameness_is_a_keyed_hash_and_not_a_plain_one() -> None:
    url = parse_url("http://files.example.com/a", "")
    assert sameness(KEY, url) == hmac.new(KEY, b"files.example.com/a", hashlib.sha256).digest()
    assert sameness(b"k" * 32, url) != sameness(KEY, url)


DEFANGED = [
    ("http://files.example.com/a.php", "hxxp://files[.]example[.]com/a.php"),
    ("HTTPS://Files.Example.com", "hxxps://files[.]example[.]com/"),
    ("ftp://192.0.2.17/x", "fxp://192[.]0[.]2[.]17/x"),
    ("http://[2001:db8::17]:81/x", "hxxp://[2001:db8::17]:81/x"),
    ("javascript://a.example/x", "javascript[://]a[.]example/x"),
    ("no url at all. at.all", "no url at all[.] at[.]all"),
]


@pytest.mark.parametrize(("text", "shown"), DEFANGED)
def test_defang(text: str, shown: str) -> None:
    assert defang(text) == shown


REFANGED = [
    ("hxxp://files[.]example[.]com/a[.]php", "http://files.example.com/a.php"),
    ("hXXps://files(.)example{.}com/", "https://files.example.com/"),
    ("fxp://files[dot]example (dot) com/", "ftp://files.example.com/"),
    ("hxxp[:]//files.example[.]com", "http://files.example.com"),
    ("hxxps[://]files[.]example[.]com/(.)", "https://files.example.com/(.)"),
    ("http:\\/\\/files.example.com/x", "http://files.example.com/x"),
    ("  <http://files.example.com/> ", "http://files.example.com/"),
    ("\"'http://files.example.com/'\"", "http://files.example.com/"),
    ("(hxxp://192[.]0[.]2[.]17:8080/x)", "http://192.0.2.17:8080/x"),
    ("«http://files.example.com/»", "http://files.example.com/"),
    ("ht\u200btp://files\u00ad.example\ufeff.com/\u202ex", "http://files.example.com/x"),
    ("http://files.example.com/a(b)", "http://files.example.com/a(b)"),
    ("files[.]example[.]com", "files.example.com"),
    ("hxxp://[2001:db8::17]/", "http://[2001:db8::17]/"),
    ("x", "x"),
    ("", ""),
    ("()", ""),
]


@pytest.mark.parametrize(("pasted", "url"), REFANGED)
def test_refang(pasted: str, url: str) -> None:
    assert refang(pasted) == url


@given(
    st.sampled_from(["http", "https", "ftp"]),
    st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9](\.[a-z]{2,5}){1,3}", fullmatch=True),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
)
@example("http", "a.example", "[.](.)%5B.%5D")
def test_defang_is_no_link_and_refang_undoes_it(scheme: str, host: str, path: str) -> None:
    text = f"{scheme}://{host}/{path}x"
    try:
        normal = parse_url(text, "").normal
    except Invalid:
        return
    shown = defang(text)
    assert "://" in shown
    assert not shown.startswith(("http:", "https:", "ftp:"))
    assert refang(shown) == normal or "[.]" in normal.partition("://")[2].partition("/")[2]


@given(st.text(max_size=40) | st.text("http:/\\@[]%.#?0x:f", max_size=40).map(lambda rest: f"http://{rest}"))
def test_no_text_raises_anything_else_and_the_normal_form_is_stable(text: str) -> None:
    refang(text)
    defang(text)
    try:
        url = parse_url(text, "url")
    except Invalid:
        return
    again = parse_url(url.normal, "url")
    assert (again.normal, again.host, again.kind) == (url.normal, url.host, url.kind)
    assert sameness(KEY, again) == sameness(KEY, url)
