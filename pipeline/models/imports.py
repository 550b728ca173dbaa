"""Files of rows on their way in: what is the same of them, whatever they bring."""

from django.db import models

from agency.ids import uuid7


class FileImport(models.Model):
    """A file: how its columns are read, and what became of its rows."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, default=uuid7)
    filename = models.CharField(max_length=200)
    content = models.BinaryField()
    mapping = models.JSONField(default=dict, blank=True, help_text="{column: field}")
    status = models.CharField(max_length=8, choices=Status, default=Status.UPLOADED)
    rows = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0, help_text="Rows read so far.")
    added = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    problems = models.JSONField(
        default=list, blank=True, help_text="The first: [{row, field, why}]"
    )
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.filename
