/** The page that a window returns to. */
import { handleAuthRedirect } from "effect-app-services/promise"

handleAuthRedirect()
