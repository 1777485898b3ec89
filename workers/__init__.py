"""The Celery engine: app, claim-handle-settle, dispatcher."""
