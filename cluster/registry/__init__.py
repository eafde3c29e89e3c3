"""The SQL registry: experiments, jobs and architectures as frozen records, on SQLite or PostgreSQL."""
