-- run once, when the volume is empty; the registry's own database is made by POSTGRES_DB
CREATE DATABASE mlflow;
