"""The made-up world the agency lives in until a provider is configured; it knows no app code."""
