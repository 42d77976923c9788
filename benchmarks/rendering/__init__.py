"""From a result document to Markdown, one module per suite; nothing is measured here."""
