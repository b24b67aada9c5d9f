"""A template's own words under a name."""

from django import template

register = template.Library()


@register.simple_block_tag
def capture(content: str) -> str:
    """Keep what stands inside for later: {% capture as name %}…{% endcapture %}."""
    return content.strip()
