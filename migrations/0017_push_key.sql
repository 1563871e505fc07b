-- Which key of the server's a Web Push registration was made with: a subscription is bound to it, and is worth nothing once the
-- key is lost. NULL for APNs and FCM, and until the first start behind this file.
ALTER TABLE push ADD COLUMN server_key TEXT;
