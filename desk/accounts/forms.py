from django import forms

from portal.models import Account, User


class NoteForm(forms.Form):
    """A note about an account, for staff only."""

    text = forms.CharField(
        label="New note",
        required=False,  # the service says so in words
        max_length=1000,
        help_text="Only staff reads it. It can't be changed or deleted.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class CustomerForm(forms.ModelForm):
    """A new customer: the organisation, and the person who owns its account."""

    organisation = forms.CharField(
        max_length=Account._meta.get_field("name").max_length,
        help_text="As its members are to read it on their pages.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    email = forms.EmailField(
        label="Mail address", help_text="A link to set the password goes there. It works once, for an hour."
    )
    reason = forms.CharField(
        max_length=200, help_text="Kept with the change. The customer reads it under Activity."
    )

    field_order = ("organisation", "username", "first_name", "last_name", "email", "reason")

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")
        labels = {"username": "User name", "first_name": "First name", "last_name": "Last name"}
        help_texts = {"username": "What the owner logs in with. Letters, digits and @ . + - _ only."}

    def validate_unique(self) -> None:
        """Leave it to the service, which names the field whatever the case of the letters."""

    def validate_constraints(self) -> None:
        """As above."""
