"""Days and moments in Django's own pages, as everywhere else: settings alone don't reach them."""

DATE_FORMAT, DATETIME_FORMAT, TIME_FORMAT = "d M Y", "d M Y, H:i", "H:i"
SHORT_DATE_FORMAT, SHORT_DATETIME_FORMAT = DATE_FORMAT, DATETIME_FORMAT
