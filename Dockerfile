# One image for web, workers, beat and preparation. Not tried yet: no container engine ran where it
# was written.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data HOST=0.0.0.0
WORKDIR /app

RUN useradd --system --create-home agency && install -d -o agency -g agency /data

COPY requirements.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

COPY . .
USER agency
# Part of the image, so that every web container serves the same files. The key is for this step only.
RUN SECRET_KEY=build python manage.py collectstatic --noinput --verbosity 0

EXPOSE 8000
CMD ["python", "-m", "uvicorn", "agency.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--lifespan", "off", "--no-access-log", "--log-level", "warning"]
