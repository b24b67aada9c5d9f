"""Who gets which answer where, written by hand. test_access.py requests every address and compares.

An answer is a status code or the name of the address that it redirects to: "login" is the portal's login
page, "support" the desk, and "desk-login" the desk's redirect to the login.
"""

ACTORS = ["anonymous", "stranger", "viewer", "admin", "owner", "staff"]

# An `own` row is in the account of viewer, admin and owner; a `foreign` one is in a third account.
# Where somebody may not enter at all, no answer tells whether such a row exists.
PORTAL = """
                                     anonymous  stranger   viewer     admin      owner      staff
main_page            GET             login      200        200        200        200        support
main_page            POST            login      405        405        405        405        405
help_index           GET             200        200        200        200        200        200
help_index           POST            405        405        405        405        405        405
help_page            GET             200        200        200        200        200        200
help_page            POST            405        405        405        405        405        405
account_login        GET             200        main_page  main_page  main_page  main_page  main_page
account_login        POST            main_page  main_page  main_page  main_page  main_page  main_page
account_inactive     GET             200        200        200        200        200        200
account_inactive     POST            405        405        405        405        405        405
account_logout       GET             login      200        200        200        200        200
account_logout       POST            login      login      login      login      login      login
set_password         GET             200        200        200        200        200        200
set_password         POST            200        200        200        200        200        200
jwks                 GET             200        200        200        200        200        200
jwks                 POST            405        405        405        405        405        405

readiness            GET             login      200        200        200        200        support
readiness            POST            login      405        405        405        405        405
readiness_csv        GET             login      200        200        200        200        support
readiness_csv        POST            login      405        405        405        405        405
activity             GET             login      200        200        200        200        support
activity             POST            login      405        405        405        405        405

my_products          GET             login      200        200        200        200        support
my_products          POST            login      405        405        405        405        405
register             GET             login      my_products 403       my_products my_products support
register             POST            login      product_survey 403      product_survey product_survey support
product_survey       GET   own       login      404        403        200        200        support
product_survey       GET   foreign   login      404        403        404        404        support
product_survey       POST  own       login      404        403   create_association create_association support
product_survey       POST  foreign   login      404        403        404        404        support
create_association   GET   own       login      404        403        200        200        support
create_association   GET   foreign   login      404        403        404        404        support
create_association   POST  own       login      404        403   service_management service_management support
create_association   POST  foreign   login      404        403        404        404        support
choose_child         GET   own       login      404        403        200        200        support
choose_child         GET   foreign   login      404        403        404        404        support
choose_child         POST  own       login      404        403   service_management service_management support
choose_child         POST  foreign   login      404        403        404        404        support
associated_products  GET   own       login      404        200        200        200        support
associated_products  GET   foreign   login      404        404        404        404        support
associated_products  POST  own       login      405        405        405        405        405
associated_products  POST  foreign   login      405        405        405        405        405
associate_product    GET   own       login associated_products 403 associated_products associated_products support
associate_product    GET   foreign   login associated_products 403 associated_products associated_products support
associate_product    POST  own       login      404        403 associated_products associated_products support
associate_product    POST  foreign   login      404        403        404        404        support
remove_association   GET   own       login service_management 403 service_management service_management support
remove_association   GET   foreign   login service_management 403 service_management service_management support
remove_association   POST  own       login      404        403   service_management service_management support
remove_association   POST  foreign   login      404        403        404        404        support
change_parent        GET   own       login      404        403        200        200        support
change_parent        GET   foreign   login      404        403        404        404        support
change_parent        POST  own       login      404        403   service_management service_management support
change_parent        POST  foreign   login      404        403        404        404        support
make_standby         GET   own       login service_management 403 service_management service_management support
make_standby         GET   foreign   login service_management 403 service_management service_management support
make_standby         POST  own       login      404        403 associated_products associated_products support
make_standby         POST  foreign   login      404        403        404        404        support
service_management   GET   own       login      404        200        200        200        support
service_management   GET   foreign   login      404        404        404        404        support
service_management   POST  own       login      405        405        405        405        405
service_management   POST  foreign   login      405        405        405        405        405
rename_product       GET   own       login      404        403   service_management service_management support
rename_product       GET   foreign   login      404        403        404        404        support
rename_product       POST  own       login      404        403   service_management service_management support
rename_product       POST  foreign   login      404        403        404        404        support
entitlements         GET   own       login      404        200        200        200        support
entitlements         GET   foreign   login      404        404        404        404        support
entitlements         POST  own       login      405        405        405        405        405
entitlements         POST  foreign   login      405        405        405        405        405
entitlements_csv     GET   own       login      404        200        200        200        support
entitlements_csv     GET   foreign   login      404        404        404        404        support
entitlements_csv     POST  own       login      405        405        405        405        405
entitlements_csv     POST  foreign   login      405        405        405        405        405
confirm_applied      GET   own       login      404        403   license_keyset license_keyset support
confirm_applied      GET   foreign   login      404        403        404        404        support
confirm_applied      POST  own       login      404        403   license_keyset license_keyset support
confirm_applied      POST  foreign   login      404        403        404        404        support
license_keyset       GET   own       login      404        200        200        200        support
license_keyset       GET   foreign   login      404        404        404        404        support
license_keyset       POST  own       login      405        405        405        405        405
license_keyset       POST  foreign   login      405        405        405        405        405
keyset_file          GET   own       login      404        200        200        200        support
keyset_file          GET   foreign   login      404        404        404        404        support
keyset_file          POST  own       login      405        405        405        405        405
keyset_file          POST  foreign   login      405        405        405        405        405
pair_keysets_file    GET   own       login      404        200        200        200        support
pair_keysets_file    GET   foreign   login      404        404        404        404        support
pair_keysets_file    POST  own       login      405        405        405        405        405
pair_keysets_file    POST  foreign   login      405        405        405        405        405
redeem_key           GET   own       login      404        403        200        200        support
redeem_key           GET   foreign   login      404        403        404        404        support
redeem_key           POST  own       login      404        403   service_management service_management support
redeem_key           POST  foreign   login      404        403        404        404        support
free_trial           GET   own       login      404        403        200        200        support
free_trial           GET   foreign   login      404        403        404        404        support
free_trial           POST  own       login      404        403   service_management service_management support
free_trial           POST  foreign   login      404        403        404        404        support
share_licenses       GET   own       login      404        403        200        200        support
share_licenses       GET   foreign   login      404        403        404        404        support
share_licenses       POST  own       login      404        403   share_licenses share_licenses support
share_licenses       POST  foreign   login      404        403        404        404        support
swap_roles           GET   own       login      404        403        200        200        support
swap_roles           GET   foreign   login      404        403        404        404        support
swap_roles           POST  own       login      404        403   service_management service_management support
swap_roles           POST  foreign   login      404        403        404        404        support
release_product      GET   own       login      404        403        403        200        support
release_product      GET   foreign   login      404        403        403        404        support
release_product      POST  own       login      404        403        403   service_management support
release_product      POST  foreign   login      404        403        403        404        support
withdraw_offer       GET   own       login service_management 403 403 service_management support
withdraw_offer       GET   foreign   login service_management 403 403 service_management support
withdraw_offer       POST  own       login      404        403        403   service_management support
withdraw_offer       POST  foreign   login      404        403        403        404        support
offer                GET   own       login      404        403        403        200        support
offer                GET   foreign   login      404        403        403        404        support
offer                POST  own       login      405        405        405        405        405
offer                POST  foreign   login      405        405        405        405        405
accept_offer         GET   own       login      offer      403        403        offer      support
accept_offer         GET   foreign   login      offer      403        403        offer      support
accept_offer         POST  own       login      404        403        403   service_management support
accept_offer         POST  foreign   login      404        403        403        404        support
decline_offer        GET   own       login      offer      403        403        offer      support
decline_offer        GET   foreign   login      offer      403        403        offer      support
decline_offer        POST  own       login      404        403        403        main_page  support
decline_offer        POST  foreign   login      404        403        403        404        support
replace_appliance    GET   own       login      404        403        200        200        support
replace_appliance    GET   foreign   login      404        403        404        404        support
replace_appliance    POST  own       login      404        403        rma_case   rma_case   support
replace_appliance    POST  foreign   login      404        403        404        404        support
transfer_licenses    GET   own       login      404        403        200        200        support
transfer_licenses    GET   foreign   login      404        403        404        404        support
transfer_licenses    POST  own       login      404        403        422        422        support
transfer_licenses    POST  foreign   login      404        403        404        404        support
rma_cases            GET             login      200        200        200        200        support
rma_cases            POST            login      405        405        405        405        405
rma_case             GET   own       login      404        200        200        200        support
rma_case             GET   foreign   login      404        404        404        404        support
rma_case             POST  own       login      405        405        405        405        405
rma_case             POST  foreign   login      405        405        405        405        405
cancel_case          GET   own       login rma_case 403 rma_case rma_case support
cancel_case          GET   foreign   login rma_case 403 rma_case rma_case support
cancel_case          POST  own       login      404        403        rma_case   rma_case   support
cancel_case          POST  foreign   login      404        403        404        404        support
undo_act             GET   own       login      404        403        200        200        support
undo_act             GET   foreign   login      404        403        404        404        support
undo_act             POST  own       login      404        403        activity   activity   support
undo_act             POST  foreign   login      404        403        404        404        support

admin:login          GET             login      403        403        403        403        support
admin:login          POST            login      403        403        403        403        200
admin:logout         GET             desk-login support    support    support    support    405
admin:logout         POST            desk-login support    support    support    support    login

admin:portal_user_send_link  GET   own      login  desk-login desk-login desk-login desk-login 200
admin:portal_user_send_link  GET   foreign  login  desk-login desk-login desk-login desk-login 200
admin:portal_user_send_link  POST  own      login  desk-login desk-login desk-login desk-login 422
admin:portal_user_send_link  POST  foreign  login  desk-login desk-login desk-login desk-login 422

admin:portal_mail_resend  GET   own      login  desk-login desk-login desk-login desk-login 200
admin:portal_mail_resend  GET   foreign  login  desk-login desk-login desk-login desk-login 200
admin:portal_mail_resend  POST  own      login  desk-login desk-login desk-login desk-login admin:portal_mail_change
admin:portal_mail_resend  POST  foreign  login  desk-login desk-login desk-login desk-login admin:portal_mail_change

admin:licensing_activationkey_batch  GET   own      login  desk-login desk-login desk-login desk-login 200
admin:licensing_activationkey_batch  GET   foreign  login  desk-login desk-login desk-login desk-login 200
admin:licensing_activationkey_batch  POST  own      login  desk-login desk-login desk-login desk-login 422
admin:licensing_activationkey_batch  POST  foreign  login  desk-login desk-login desk-login desk-login 422
"""  # noqa: E501

# The rest of the support desk is for staff only, whose GET and POST are listed here. Everybody else is sent
# to the desk's login, which refuses users who aren't staff (admin:login above).
DESK = """
                                             GET     POST
admin:index                                  200     200
desk:search                                  200     200
desk:unit                                    200     405
desk:records                                 200     405
desk:guide                                   200     405
desk:guide_picture                           200     405
desk:account                                 200     405
desk:note_account                            405     desk:account
desk:open_customer                           200     desk:account
desk:import_units                            200     422
desk:units_template                          200     405
desk:cases                                   200     405
desk:open_case                               200     desk:case
desk:case                                    200     405
desk:dry_run                                 200     405
desk:approve_case                            desk:case     desk:case
desk:waive                                   desk:case     desk:case
desk:complete_case                           desk:case     422
desk:receive_case                            desk:case     desk:case
desk:resend_mail                             desk:case     desk:case
desk:assign_case                             desk:case     desk:case
desk:add_note                                desk:case     desk:case
desk:note_shipping                           desk:case     desk:case
desk:hand_to_lead                            desk:case     422
desk:proposals                               200           405
desk:confirm_proposal                        desk:proposals  404
desk:refuse_proposal                         desk:proposals  404
desk:withdraw_proposal                       desk:proposals  404
desk:decline_case                            desk:case     desk:case
desk:cancel_case                             desk:case     desk:case
desk:undo_case                               desk:case     422
admin:password_change                        200     200
admin:password_change_done                   200     405
admin:autocomplete                           403     405
admin:jsi18n                                 200     405
admin:view_on_site                           404     404
admin:app_list                               200     200
support/(?P<url>.*)$                         404     404
"""

# Each correction at the desk (desk.corrections): the units whose pages link to it, and GET/POST of agents and
# leads. Superusers get what leads get; other staff get 403.
CORRECTIONS = """
                    units      agent    lead
desk:associate      registered  403/403  200/422
desk:grant          registered  403/403  200/422
desk:extend         registered  403/403  200/422
desk:revoke         registered  403/403  200/422
desk:move_license   registered  403/403  200/422
desk:move           registered  403/403  200/422
desk:release        registered  403/403  200/422
desk:reissue        registered  403/403  200/desk:unit
desk:remove         associated  403/403  200/422
desk:change_parent  associated  403/403  200/422
desk:swap           associated  403/403  200/422
desk:make_standby   associated  403/403  200/422
desk:take_back      retired     403/403  200/422
desk:record         recorded    403/403  200/422
desk:open           tried       200/422  200/422
"""

# GET/POST of staff, by model. 403: the desk shows such rows but doesn't change them, or not in this way.
DESK_MODELS = """
                              changelist   add       change    history   delete
portal_account                200/200      200/200   200/200   200/200   403/403
portal_membership             200/200      200/200   200/200   200/200   200/list
portal_user                   200/200      200/200   200/200   200/200   403/403
portal_auditentry             200/200      403/403   200/403   200/200   403/403
portal_key                    200/200      403/403   200/403   200/200   403/403
portal_mail                   200/200      403/403   200/403   200/200   403/403
products_productmodel         200/200      200/200   200/200   200/200   403/403
products_unit                 200/200      403/403   200/403   200/200   403/403
products_registration         200/200      403/403   200/403   200/200   403/403
products_survey               200/200      403/403   200/403   200/200   403/403
associations_associationtype  200/200      200/200   200/200   200/200   403/403
associations_typemodel        200/200      200/200   200/403   200/200   200/support
associations_seat             200/200      403/403   200/403   200/200   403/403
licensing_service             200/200      200/200   200/200   200/200   403/403
licensing_modelservice        200/200      200/200   200/200   200/200   200/list
licensing_licence             200/200      desk:search/desk:search 200/403 200/200 403/403
licensing_activationkey 200/200 200/200 200/403 200/200 200/admin:licensing_activationkey_change
licensing_poolpart            200/200      403/403   200/403   200/200   403/403
licensing_trialstart          200/200      403/403   200/403   200/200   403/403
licensing_ledgerentry         200/200      403/403   200/403   200/200   403/403
licensing_keyset              200/200      403/403   200/403   200/200   403/403
licensing_rmacase             200/200      403/403   200/403   200/200   403/403
"""

ROLES = ["roleless", "agent", "lead", "operator"]

# GET/POST of staff who aren't superusers, by role (portal.roles): first, the desk's own pages.
DESK_ROLES = """
                                roleless  agent                       lead                        operator
admin:index                     200/200   200/200                     200/200                     200/200
admin:password_change           200/200   200/200                     200/200                     200/200
admin:password_change_done      200/405   200/405                     200/405                     200/405
admin:autocomplete              403/405   403/405                     403/405                     403/405
admin:jsi18n                    200/405   200/405                     200/405                     200/405
admin:view_on_site              404/404   404/404                     404/404                     404/404
admin:app_list                  404/404   200/200                     200/200                     200/200
support/(?P<url>.*)$            404/404   404/404                     404/404                     404/404
admin:portal_user_send_link     403/403   403/403                     403/403                     200/422
admin:licensing_activationkey_batch 403/403 403/403               403/403                     200/422
admin:portal_mail_resend        403/403   200/admin:portal_mail_change 200/admin:portal_mail_change 403/403

desk:search                     403/403   200/200                     200/200                     200/200
desk:unit                       403/403   200/405                     200/405                     200/405
desk:records                    403/403   200/405                     200/405                     200/405
desk:guide                      403/403   200/405                     200/405                     200/405
desk:guide_picture              403/403   200/405                     200/405                     200/405
desk:account                    403/403   200/405                     200/405                     200/405
desk:note_account               403/403   405/desk:account            405/desk:account            403/403
desk:open_customer              403/403   403/403                     200/desk:account            403/403
desk:cases                      403/403   200/405                     200/405                     403/403
desk:open_case                  403/403   200/desk:case               200/desk:case               403/403
desk:case                       403/403   200/405                     200/405                     403/403
desk:dry_run                    403/403   200/405                     200/405                     403/403
desk:approve_case               403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:waive                      403/403   403/403                           desk:case/desk:case               403/403
desk:complete_case              403/403   desk:case/422                     desk:case/422                     403/403
desk:receive_case               403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:resend_mail                403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:assign_case                403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:add_note                   403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:note_shipping              403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:hand_to_lead               403/403   desk:case/422                     desk:case/422                     403/403
desk:proposals                  403/403   403/403                           200/405                           403/403
desk:confirm_proposal           403/403   403/403                           desk:proposals/404                403/403
desk:refuse_proposal            403/403   403/403                           desk:proposals/404                403/403
desk:withdraw_proposal          403/403   403/403                           desk:proposals/404                403/403
desk:decline_case               403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:cancel_case                403/403   desk:case/desk:case               desk:case/desk:case               403/403
desk:undo_case                  403/403   desk:case/422                     desk:case/422                     403/403
desk:import_units               403/403   403/403                     403/403                     200/422
desk:units_template             403/403   403/403                     403/403                     200/405
"""  # noqa: E501

# The same for the desk's lists, by model. "every": each model without a row of its own below.
DESK_ROLES_MODELS = """
                                       changelist   add       change    history   delete
every                        roleless  403/403      403/403   403/403   403/403   403/403
every                        agent     200/200      403/403   200/403   200/200   403/403
every                        lead      200/200      403/403   200/403   200/200   403/403
every                        operator  200/200      403/403   200/403   200/200   403/403

portal_account               lead      200/200      200/200   200/200   200/200   403/403
portal_membership            lead      200/200      200/200   200/200   200/200   200/list
licensing_licence            roleless  403/403      desk:search/desk:search 403/403 403/403 403/403
licensing_licence            agent     200/200      desk:search/desk:search 200/403 200/200 403/403
licensing_licence            lead      200/200      desk:search/desk:search 200/403 200/200 403/403
licensing_licence            operator  200/200      desk:search/desk:search 200/403 200/200 403/403

portal_user                  operator  200/200      200/200   200/200   200/200   403/403
products_productmodel        operator  200/200      200/200   200/200   200/200   403/403
associations_associationtype operator  200/200      200/200   200/200   200/200   403/403
associations_typemodel       operator  200/200      200/200   200/403   200/200   200/support
licensing_service            operator  200/200      200/200   200/200   200/200   403/403
licensing_modelservice       operator  200/200      200/200   200/200   200/200   200/list
licensing_activationkey operator 200/200 200/200 200/403 200/200 200/admin:licensing_activationkey_change
"""


def lines(text: str) -> list[list[str]]:
    """A table's rows as lists of words, without its head."""
    return [line.split() for line in text.strip("\n").splitlines()[1:] if line.strip()]


def led_to_by(units: str) -> set[str]:
    """The corrections that such units' pages link to."""
    return {name.removeprefix("desk:") for name, of, *_ in lines(CORRECTIONS) if of == units}
