"""The addresses of the desk's own pages, below /support/."""

from django.urls import URLPattern, URLResolver, path

from licensing.support import associating, corrections, unit

app_name = "desk"

urlpatterns: list[URLPattern | URLResolver] = [
    path("units/<serial:serial>/", unit.unit, name="unit"),
    path("units/<serial:serial>/associate/", associating.associate, name="associate"),
    path("units/<serial:serial>/remove/", associating.remove, name="remove"),
    path("units/<serial:serial>/change-parent/", associating.change_parent, name="change_parent"),
    path("units/<serial:serial>/swap/", associating.swap, name="swap"),
    path("units/<serial:serial>/make-standby/", associating.make_standby, name="make_standby"),
    path("units/<serial:serial>/extend/", corrections.extend, name="extend"),
    path("units/<serial:serial>/revoke/", corrections.revoke, name="revoke"),
    path("units/<serial:serial>/reissue/", corrections.reissue, name="reissue"),
    path("units/<serial:serial>/move/", corrections.move, name="move"),
    path("units/<serial:serial>/release/", corrections.release, name="release"),
    path("units/<serial:serial>/take-back/", corrections.take_back, name="take_back"),
    path("units/<serial:serial>/open/", corrections.open_again, name="open"),
]
