"""Codes of the audit trail."""

from portal.audit import Code


class AuditCode(Code):
    """What is done to accounts, people, keys and mails; see `portal.audit.Code`."""

    ACCOUNT_NOTED = "account-noted", "Note written about {name}"
    ACCOUNT_OPENED = "account-opened", "Account opened"
    ACCOUNT_SAVED = "account-saved", "Account saved as “{name}”"
    ADDRESS_SAVED = "address-saved", "Address of delivery saved"
    KEY_MADE = "key-made", "Key of the portal made"
    MAIL_RESENT = "mail-resent", "Mail sent again: {subject}", "Mail about {case} sent again"
    MEMBER_REMOVED = "member-removed", "{user} is no member any more"
    MEMBER_SAVED = "member-saved", "{user} is a member: {role}"
    PASSWORD_LINK_SENT = "password-link-sent", "Support sent {user} a link to set a password"
    PASSWORD_SET = "password-set", "Password of {user} set"
    USER_SAVED = "user-saved", "Login of {user} saved"
