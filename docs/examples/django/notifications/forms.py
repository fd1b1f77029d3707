from django import forms
from django.contrib.auth import get_user_model

from .models import Message


class MessageForm(forms.ModelForm):
    class Meta:
        model = Message
        fields = ["recipient", "text"]
        widgets = {"text": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args, sender, **kwargs):
        super().__init__(*args, **kwargs)
        self.instance.sender = sender
        self.fields["recipient"].queryset = (
            get_user_model()
            .objects.filter(is_active=True)
            .exclude(pk=sender.pk)
            .order_by("username")
        )
