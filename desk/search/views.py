from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from desk.access import LOOK, DeskRequest, desk_page, render_desk
from desk.addresses import case_url, unit_url
from desk.search.keyset_check import CheckedKeyset
from desk.search.selectors import Found, clean, find, is_number
from licensing.keyset import Malformed
from licensing.keyset.text import MAX_CHARACTERS
from portal.forms import sent_text
from portal.name_search import FEWEST_CHARACTERS


class SearchForm(forms.Form):
    q = forms.CharField(required=False, strip=False)

    def clean_q(self) -> str:
        typed: str = self.cleaned_data["q"]
        text = clean(typed[: MAX_CHARACTERS + 1])
        if len(typed) > MAX_CHARACTERS:
            raise forms.ValidationError("This is longer than any keyset. Paste one alone.", code="too-long")
        if len(text) < FEWEST_CHARACTERS:
            raise forms.ValidationError("Type at least three characters.", code="too-short")
        return text


@desk_page(LOOK)
@require_http_methods(["GET", "HEAD", "POST"])
def search(request: DeskRequest) -> HttpResponse:
    """Accept names by POST only, to keep them out of addresses and logs; numbers also by GET, as links."""
    typed = sent_text(request, "q")
    context: dict[str, object] = {"title": "Look up", "typed": clean(typed[:MAX_CHARACTERS])}
    if request.method != "POST" and not is_number(str(context["typed"])):
        return render_desk(request, "desk/search.html", context)
    form, found = SearchForm({"q": typed}), Found()
    if form.is_valid():
        try:
            found = find(form.cleaned_data["q"])
        except Malformed as problem:
            form.add_error("q", forms.ValidationError(str(problem), code=problem.reason))
    if found.is_exact and (answer := _go_to(request, found)):
        return answer
    context |= {"form": form, "found": found, "keysets": [found.keyset] if found.keyset else found.keysets}
    return render_desk(request, "desk/search.html", context, status=422 if form.errors else 200)


def _go_to(request: DeskRequest, found: Found) -> HttpResponse | None:
    """Redirect to the page of what was found; a keyset that isn't genuine is explained on this page."""
    serial = found.unit.serial if found.unit else found.serial
    if found.case and request.user.has_perm("portal.support"):
        return HttpResponseRedirect(case_url(found.case))
    if found.case:
        return HttpResponseRedirect(unit_url(found.case.failed.unit.serial) + "#rma")
    if found.keyset and found.keyset.is_genuine and found.keyset.unit:
        _say_what_it_is(request, found.keyset)
        serial = found.keyset.unit.serial
    return HttpResponseRedirect(unit_url(serial)) if serial else None


def _say_what_it_is(request: DeskRequest, keyset: CheckedKeyset) -> None:
    level = messages.SUCCESS if keyset.is_newest and keyset.is_current else messages.WARNING
    messages.add_message(request, level, " ".join(keyset.sentences), extra_tags="keyset")
