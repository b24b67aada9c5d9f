"""A process that kills itself half way: with SIGKILL before its nth step, a statement or a COMMIT.

Statements that only read are no steps, where nothing but the database changes: a death before one leaves what
a death before the next step leaves.

`Mortal` starts one process on the test's database, which forks for each run. Executed as a program, this
module is that process: it reads a step number for each run and prints the result.
"""

import datetime
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from django.utils import timezone

ROOT = Path(__file__).resolve().parent.parent
KILLED, SURVIVED = "killed", "survived"


class Mortal:
    """Runs one of ACTIONS below, again and again, in processes that die before a given step."""

    def __init__(self, action: str, **arguments: object) -> None:
        command = [sys.executable, "-m", "tests.killed", action, json.dumps(arguments)]
        environment = os.environ | {"DATABASE_URL": database_url()}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate(timeout=30)

    def dies_before(self, step: int) -> bool:
        """Run and be killed before step `step` (from 1); return whether there was such a step."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{step}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in {KILLED, SURVIVED}, f"the process failed: {answer}"
        return answer == KILLED


def database_url() -> str:
    from django.db import connection

    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    address = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'])}@{settings['HOST']}:{settings['PORT']}"
    return f"postgres://{address}/{settings['NAME']}"


def _register(*, account: int, serial: str, by: int) -> None:
    from portal.models import Account, User
    from products.services import register
    from tests.factories import CODE

    register(
        account=Account.objects.get(pk=account),
        serial_number=serial,
        authentication_code=CODE,
        friendly_name="",
        by=User.objects.get(pk=by),
        now=timezone.now(),
    )


def _associate(*, parent: int, child: int, by: int) -> None:
    from associations.models import AssociationType
    from associations.services import associate
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    associate(
        parent=Registration.objects.get(pk=parent),
        child=Registration.objects.get(pk=child),
        type=AssociationType.objects.get(slug="hf"),
        by=User.objects.get(pk=by),
        today=today(),
    )


def _change_parent(*, seat: int, parent: int, by: int) -> None:
    from associations.models import Seat
    from associations.services import change_parent
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    change_parent(
        seat=Seat.objects.get(pk=seat),
        parent=Registration.objects.get(pk=parent),
        by=User.objects.get(pk=by),
        today=today(),
    )


def _make_standby(*, seat: int, by: int) -> None:
    from associations.models import Seat
    from associations.services import make_standby
    from portal.clock import today
    from portal.models import User
    from tests.factories import sharing

    spare = Seat.objects.get(pk=seat)
    make_standby(seat=spare, instead=sharing(spare), by=User.objects.get(pk=by), today=today())


def _remove(*, seat: int, by: int) -> None:
    from associations.models import Seat
    from associations.services import remove_association
    from portal.models import User

    remove_association(seat=Seat.objects.get(pk=seat), by=User.objects.get(pk=by))


def _grant(*, unit: int, service: int, by: int) -> None:
    from licensing.grants.giving import grant_licence
    from licensing.models import Service
    from portal.clock import today
    from portal.models import User
    from products.models import Unit

    grant_licence(
        unit=Unit.objects.get(pk=unit),
        service=Service.objects.get(code=service),
        count=None,
        expires_on=None,
        reason="bought",
        by=User.objects.get(pk=by),
        today=today(),
    )


def _read_keyset(*, registration: int) -> None:
    from licensing.keysets.issuing import read_keyset
    from portal.clock import today
    from products.models import Registration

    read_keyset(registration=Registration.objects.get(pk=registration), today=today())


def _redeem(*, registration: int, key: str, by: int) -> None:
    from licensing.activation.redeeming import redeem_key
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    unit = Registration.objects.select_related("unit").get(pk=registration)
    redeem_key(
        registration=unit,
        activation_key=key,
        version=unit.unit.version,
        by=User.objects.get(pk=by),
        today=today(),
        now=timezone.now(),
    )


def _move_counts(*, licence: int, source: int, target: int, count: int, by: int) -> None:
    from licensing.models import Licence
    from licensing.moves.pools import move_counts
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    move_counts(
        licence=Licence.objects.get(pk=licence),
        source=Registration.objects.get(pk=source),
        target=Registration.objects.get(pk=target),
        count=count,
        by=User.objects.get(pk=by),
        today=today(),
    )


def _move_licence(*, licence: int, to: int, by: int) -> None:
    from licensing.models import Licence
    from licensing.moves.one_licence import move_licence
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    move_licence(
        licence=Licence.objects.get(pk=licence),
        to=Registration.objects.get(pk=to),
        reason="on the wrong unit",
        by=User.objects.get(pk=by),
        today=today(),
    )


def _swap(*, seat: int, by: int) -> None:
    from associations.models import Seat
    from licensing.moves.swap import swap_roles
    from portal.clock import today
    from portal.models import User

    swap_roles(seat=Seat.objects.get(pk=seat), by=User.objects.get(pk=by), today=today())


def _release(*, registration: int, account: int, by: int) -> None:
    from licensing.moves.release import release_to_account
    from portal.clock import today
    from portal.models import Account, User
    from products.models import Registration

    release_to_account(
        registration=Registration.objects.get(pk=registration),
        account=Account.objects.get(pk=account),
        by=User.objects.get(pk=by),
        today=today(),
        now=timezone.now(),
        reason="sold",
    )


def _send_mail(*, at: str) -> None:
    from portal.outbox import send_waiting

    send_waiting(now=lambda: datetime.datetime.fromisoformat(at), limit=9)


def _complete(*, case: int, partner: int, seen: str, by: int) -> None:
    from licensing.models import RmaCase
    from licensing.rma.completing import complete_case
    from portal.clock import today
    from portal.models import User
    from products.models import Registration

    complete_case(
        case=RmaCase.objects.get(pk=case),
        partner=Registration.objects.get(pk=partner),
        seen=seen,
        by=User.objects.get(pk=by),
        today=today(),
    )


def _undo(*, case: int, seen: str, by: int) -> None:
    from licensing.models import RmaCase
    from licensing.rma.undoing import undo_case
    from portal.clock import today
    from portal.models import User

    undo_case(
        case=RmaCase.objects.get(pk=case),
        as_lead=True,
        seen=seen,
        reason="wrong unit",
        by=User.objects.get(pk=by),
        today=today(),
    )


def _undo_act(*, act: int, by: int) -> None:
    from licensing.undo.undoing import undo_act
    from portal.models import Act, User

    undo_act(act=Act.objects.get(pk=act), by=User.objects.get(pk=by), now=timezone.now())


ACTIONS: dict[str, Callable[..., None]] = {
    "register": _register,
    "associate": _associate,
    "change_parent": _change_parent,
    "make_standby": _make_standby,
    "remove": _remove,
    "grant": _grant,
    "read_keyset": _read_keyset,
    "redeem": _redeem,
    "move_counts": _move_counts,
    "move_licence": _move_licence,
    "swap": _swap,
    "complete": _complete,
    "undo": _undo,
    "undo_act": _undo_act,
    "release": _release,
    "send_mail": _send_mail,
}


def _serve(action: Callable[..., None], arguments: dict[str, Any]) -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _act_until(int(line), action, arguments)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answers = {0: SURVIVED, -signal.SIGKILL: KILLED}
        sys.stdout.write(f"{answers.get(status, status)}\n")
        sys.stdout.flush()


def _act_until(step: int, action: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Run the action, dying before a step; the process always ends here."""
    from django.db import connection

    count = 0

    def take_step() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(run: Callable[..., object], sql: str, *rest: object) -> object:
        if action is _send_mail or not sql.startswith("SELECT"):
            take_step()
        return run(sql, *rest)

    connection.ensure_connection()
    commit = connection._commit

    def commit_mortally() -> object:
        take_step()
        return commit()

    connection._commit = commit_mortally
    with connection.execute_wrapper(execute):
        action(**arguments)
    os._exit(0)


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()
    _serve(ACTIONS[sys.argv[1]], json.loads(sys.argv[2]))
