"""The files of a job: everything that it reads beside images and runs, in one folder to send."""
